import type { Metrics } from '#runtime/metrics.ts';
import type { IstioMetrics } from './istio-metrics.ts';

/** Puts Istio's metrics on the process's /metrics, with what they keep and leave out. */
export function exposeIstioMetrics(istio: IstioMetrics, metrics: Metrics): void {
  metrics.append(() => istio.render());
  metrics.observedGauge('garrison_istio_series', 'label sets of the istio metrics now kept', () => istio.state.series);
  metrics.observedGauge(
    'garrison_istio_series_overflowed',
    'requests counted in the overflow series since the start because the label sets were full',
    () => istio.state.overflowed,
  );
  metrics.observedGauge(
    'garrison_istio_series_expired',
    'label sets forgotten since the start because nothing was counted for them',
    () => istio.state.expired,
  );
}
