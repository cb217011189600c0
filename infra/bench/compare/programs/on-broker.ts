/** What a program is told that needs a broker. */
export interface OnBroker {
  url: string;
  user: string;
  password: string;
}
