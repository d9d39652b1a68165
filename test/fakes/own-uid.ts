/** The selector of every workload that the user of this process runs. */
export const ownUid = `unix:uid:${process.getuid?.() ?? 0}`;
