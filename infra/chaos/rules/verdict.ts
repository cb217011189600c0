/** What became of one rule. */
export interface Verdict {
  rule: string;
  flaws: string[];
  /** What was counted, for people. */
  counted: string;
}
