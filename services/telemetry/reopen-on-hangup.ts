/** SIGHUP is how logrotate and its like say that they moved a log file away. */
export function reopenOnHangup(logs: { reopenAccessLog(): void }): Disposable {
  const reopen = (): void => logs.reopenAccessLog();
  process.on('SIGHUP', reopen);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', reopen) };
}
