/** Where all but bkg answer. */
export const echoPath = '/echo';
