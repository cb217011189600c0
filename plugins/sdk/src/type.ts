/** Of many small files; the build joins them into this one (`join-modules.mjs`). */
export { Type } from 'typebox';
