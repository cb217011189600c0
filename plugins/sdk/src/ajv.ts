/** Of many small files; the build joins them into this one (`join-modules.mjs`). */
export { _, Ajv2020 } from 'ajv/dist/2020.js';
export { default as formats } from 'ajv-formats';
