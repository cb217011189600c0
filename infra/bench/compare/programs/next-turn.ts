/**
 * Runs what was asked for in one turn of the event loop at its end, all of it in one go: nats.js joins what is published
 * without a pause into one write. As anybody would write it by hand who has seen where the time of a bare bridge goes.
 */
export function nextTurn(): (send: () => void) => void {
  let waiting: (() => void)[] = [];
  const run = (): void => {
    const all = waiting;
    waiting = [];
    for (const send of all) send();
  };
  return (send) => {
    if (waiting.push(send) === 1) setImmediate(run);
  };
}
