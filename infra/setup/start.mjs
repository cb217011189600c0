// npm start: sets up whatever is missing, then hands over to `bkg up`.
import { enter } from './entry.mjs';

enter(() => import('./up.mjs'));
