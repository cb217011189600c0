import { invalid } from './complaints.ts';

/** `<org>/<name>` or `<name>`: no segment can be `.` or `..`, begin with a dot or leave its folder. */
export const modelIdPattern = '^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$';
export const MAX_MODEL_ID = 96;
/** A commit, or a ref as Hugging Face writes them (`main`, `v1.0`, `refs/pr/1`). */
export const revisionPattern = '^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$';
export const MAX_REVISION = 64;

const validId = new RegExp(modelIdPattern);
const validRevision = new RegExp(revisionPattern);

export const isModelId = (id: string): boolean =>
  id.length <= MAX_MODEL_ID && validId.test(id) && !id.includes('--') && !id.includes('..');
export const isRevision = (revision: string): boolean =>
  revision.length <= MAX_REVISION && validRevision.test(revision) && !revision.includes('..');

/** What a caller asked for; two callers who ask the same way mean the same model. */
export interface ModelRef {
  model_id: string;
  revision?: string;
}

/** A model on disk or in memory; `bkg/language-id` or `org/name@<commit>`. Its characters are safe in a file name but for `/`. */
export const keyOf = ({ model_id, revision }: ModelRef): string =>
  revision === undefined ? model_id : `${model_id}@${revision}`;

/** Throws INVALID_PAYLOAD. The locator builds paths from these, so it checks them itself, whatever the schema did. */
export function checkRef(
  { model_id, revision }: ModelRef,
  place: (member: keyof ModelRef) => string = (member) => `/${member}`,
): void {
  if (!isModelId(model_id)) {
    const message =
      `${JSON.stringify(model_id)} is no model id: allowed is <org>/<name> or <name>, of letters, digits, ".", "_" and "-", ` +
      `beginning with a letter, digit or "_", without ".." and "--", at most ${MAX_MODEL_ID} characters`;
    throw invalid({ path: place('model_id'), message });
  }
  if (revision !== undefined && !isRevision(revision)) {
    const message = `${JSON.stringify(revision)} is no revision: allowed is a commit or a ref such as main or refs/pr/1, at most ${MAX_REVISION} characters`;
    throw invalid({ path: place('revision'), message });
  }
}
