/** What the form shows of one value. The text stays the only truth: a field knows where its value stands in it. */
export interface Field {
  /** JSON pointer of the value. */
  pointer: string;
  /** Name of the member, number of the item, "" for the payload itself. */
  name: string;
  title?: string;
  description: string;
  /** "≥ 0", "up to 200 characters", … */
  hints: string[];
  /** An object has to have it. */
  required: boolean;
  /** `null` is one of its values. */
  nullable: boolean;
  /** A value that fits, as JSON: to begin anew with. Made when asked for, because most are not. */
  sample: () => string;
  /** Its value as it stands in the text. */
  text: string;
  shape: Shape;
}

export type Shape =
  | {
      kind: 'object';
      members: Field[];
      /** Described, and not there. */
      absent: Absent[];
      /** What a member that nobody described begins with, as JSON. Undefined when there may be none. */
      other?: () => string;
    }
  | {
      kind: 'array';
      items: Field[];
      /** What a new item begins with, as JSON. */
      newItem: () => string;
      canAdd: boolean;
      canRemove: boolean;
    }
  | { kind: 'choice'; options: Choice[]; selected: number | undefined }
  | { kind: 'variants'; options: Choice[]; selected: number | undefined; variant: Field }
  | { kind: 'boolean'; value: boolean }
  /** `value` is a number as JSON writes it, or whatever somebody typed that is none yet. */
  | { kind: 'number'; value: string }
  | { kind: 'string'; value: string; lines: boolean }
  | { kind: 'null' }
  /** This part is shown as JSON. `isMistake`: because it does not fit, which a check of the payload says too. */
  | { kind: 'json'; why: string; isMistake?: true };

export interface Choice {
  label: string;
  description: string;
  /** As JSON. */
  value: () => string;
}

export interface Absent {
  name: string;
  pointer: string;
  required: boolean;
  title?: string;
  description: string;
  /** What it begins with, as JSON. */
  sample: () => string;
}
