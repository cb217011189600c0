import adapter from '@sveltejs/adapter-static';
import { sveltekit } from '@sveltejs/kit/vite';
import { defineConfig } from 'vite';

/** Where `vite dev` finds a running gateway; the built dashboard is served by the gateway itself. */
const gateway = process.env.BKG_URL ?? 'http://localhost:43119';

export default defineConfig({
  plugins: [
    sveltekit({
      adapter: adapter({ pages: 'build', assets: 'build', fallback: '200.html' }),
      compilerOptions: {
        runes: ({ filename }) => (filename.split(/[/\\]/).includes('node_modules') ? undefined : true),
      },
      csp: {
        mode: 'hash',
        directives: {
          'default-src': ['none'],
          'script-src': ['self'],
          // The one inline style is SvelteKit's own, of the element that tells screen readers about a new page.
          'style-src': ['self'],
          'style-src-attr': ['unsafe-hashes', 'sha256-S8qMpvofolR8Mpjy4kQvEm7m1q8clzU4dfDH0AmvZjo='],
          'font-src': ['self'],
          // Pictures and sounds that plugins answer with. Pages of this origin cannot be made of them: see bytes/download.ts.
          'img-src': ['self', 'data:', 'blob:'],
          'media-src': ['blob:'],
          'connect-src': ['self'],
          'manifest-src': ['self'],
          'base-uri': ['none'],
          'form-action': ['none'],
          'object-src': ['none'],
        },
      },
    }),
  ],
  build: {
    rolldownOptions: {
      treeshake: {
        // Of the wire contract the page takes a few functions; its schemas are thousands of lines.
        moduleSideEffects: [{ test: /[/\\]plugins[/\\]sdk[/\\]dist[/\\]/, sideEffects: false }],
      },
    },
  },
  server: {
    proxy: {
      // The gateway takes no request from another origin than its own.
      '/api': { target: gateway, changeOrigin: true, headers: { origin: gateway } },
      '/readyz': { target: gateway, changeOrigin: true, headers: { origin: gateway } },
      '/ws': { target: gateway, changeOrigin: true, headers: { origin: gateway }, ws: true },
    },
  },
});
