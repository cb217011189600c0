// npm test: the same set-up and a browser, then every check of the project.
import { enter } from './entry.mjs';

enter(() => import('./check.mjs'));
