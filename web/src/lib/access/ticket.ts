/** The ticket of a sign-in link, `#ticket=…`. */
export function ticketOf(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('ticket') ?? undefined;
}

/** The part of a window that has an address. */
export interface Addressed {
  location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  history: Pick<History, 'replaceState' | 'state'>;
}

/** Found in the address and not used yet. */
let found: string | undefined;

/** Takes a ticket out of the address bar and the history, so that neither of them nor a picture of the page has it. */
export function hideTicket({ location, history }: Addressed): void {
  const ticket = ticketOf(location.hash);
  if (ticket === undefined) return;
  found = ticket;
  history.replaceState(history.state, '', location.pathname + location.search);
}

/** The ticket that was found, once. */
export function takeTicket(): string | undefined {
  const ticket = found;
  found = undefined;
  return ticket;
}
