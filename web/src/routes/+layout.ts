// The dashboard is one static page that the gateway serves for every route: there is no server of its own.
export const ssr = false;
export const prerender = false;
