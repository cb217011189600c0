/** Copied beside the plugin from `infra/soak/plugins`, where it stands. */
export { diagnose } from '../../soak/plugins/diagnosis.mjs';
