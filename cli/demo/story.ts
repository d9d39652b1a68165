import { BackgroundLoad } from './background-load.ts';
import type { Narrator } from './narrator.ts';
import { pageLoads, productpageCalls, reviewsCallRatings } from './scenes/allowed-calls.ts';
import {
  anonymousIsRefused,
  forgedHeaderChangesNothing,
  productpageMayNotCallRatings,
  strangerIsRefused,
} from './scenes/denied-calls.ts';
import { brokenFileIsRefused, editTakesEffect } from './scenes/policy-changes.ts';
import { rotatesUnderLoad, certificatesNow } from './scenes/rotation.ts';
import { whoCalledWhom } from './scenes/who-called-whom.ts';
import type { Stage } from './stage.ts';

/** The story, in the order it is told. */
export async function tellStory(stage: Stage, narrator: Narrator): Promise<void> {
  const certificates = await certificatesNow(stage);
  const load = new BackgroundLoad(stage.ingressPort);
  try {
    await narrator.step('The page loads through the ingress', (page) => pageLoads(stage, page));
    await narrator.step('productpage may call reviews and details', (page) => productpageCalls(stage, page));
    await narrator.step('reviews may call ratings', (page) => reviewsCallRatings(stage, page));
    await narrator.step('productpage may not', (page) => productpageMayNotCallRatings(stage, page));
    await narrator.step('A header that forges an identity changes nothing', (page) =>
      forgedHeaderChangesNothing(stage, page),
    );
    await narrator.step('An anonymous caller is refused', (page) => anonymousIsRefused(stage, page));
    await narrator.step('A certificate of another trust domain is refused', (page) => strangerIsRefused(stage, page));
    await narrator.step('A policy edit is in force within a second', (page) => editTakesEffect(stage, page));
    await narrator.step('A broken policy file is refused, the old one keeps serving', (page) =>
      brokenFileIsRefused(stage, page),
    );
    await narrator.step('Certificates rotate under load without one failed request', (page) =>
      rotatesUnderLoad(stage, page, load, certificates),
    );
    await narrator.step('The audit knows who called whom', (page) => whoCalledWhom(stage, page));
  } finally {
    await load.stop();
  }
}
