import type { ApiKey } from '@bkg/sdk/protocol';
import { changedFields, emptyKeyForm, formOfKey, rebaseForm, type KeyForm } from './key-form.ts';

/** A key while it is written: a new one, or a change that knows which revision it began from. */
export class KeyDraft {
  form = $state<KeyForm>(copyOf(emptyKeyForm));
  /** Undefined of a new one. */
  base = $state.raw<ApiKey>();
  /** Somebody wanted to save it: from then on every mistake is shown. */
  tried = $state(false);

  constructor(key?: ApiKey) {
    if (key) this.begin(key);
  }

  get before(): KeyForm {
    return this.base ? formOfKey(this.base) : emptyKeyForm;
  }

  get isChanged(): boolean {
    return changedFields(this.before, this.form).length > 0;
  }

  /** Forgets what was changed. */
  begin(key: ApiKey): void {
    this.base = key;
    this.form = formOfKey(key);
    this.tried = false;
  }

  /** Keeps what was changed, on top of what is there now. */
  rebase(key: ApiKey): void {
    const form = rebaseForm(this.before, copyOf($state.snapshot(this.form)), formOfKey(key));
    this.base = key;
    this.form = form;
  }

  /** What was sent is saved, as this one; what has been typed since stays. */
  settle(key: ApiKey, sent: KeyForm): void {
    if (changedFields(sent, this.form).length > 0) this.rebase(key);
    else this.begin(key);
  }

  /** Takes over a newer revision where nothing of either gets lost. */
  follow(key: ApiKey): void {
    if (this.base?.revision !== key.revision && !this.isChanged) this.begin(key);
  }
}

function copyOf(form: KeyForm): KeyForm {
  return { ...form, roles: [...form.roles], scopes: [...form.scopes] };
}
