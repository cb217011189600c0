import { hideTicket } from '#lib/access/ticket.ts';

// Before anything else runs: the router would remember the address with the ticket in it.
hideTicket(window);
