import { isBuiltin } from 'node:module';
import path from 'node:path';

const root = path.dirname(import.meta.dirname);

/**
 * Who may import what of bkg: web → sdk/protocol, services and plugins → sdk, sdk → nothing.
 * Every zone says why, because a rule without its reason gets disabled. The most specific zone comes first.
 *
 * `bkg` are the exact specifiers of bkg a file may use; `only` says what else; without it anything that is not bkg.
 * `within` is where relative paths may lead; without it anywhere in the package.
 */
const sdk = /^@bkg\/sdk(\/(?!src\/|dist\/).+)?$/;
const zones = [
  {
    files: /^plugins\/sdk\/src\/protocol\//,
    bkg: /^$/,
    only: () => false,
    within: /^plugins\/sdk\/src\/protocol\//,
    why: 'sdk/protocol runs in a browser and is loaded by every command: no Node built-ins, no packages, nothing from outside its folder.',
  },
  {
    files: /^plugins\/sdk\/src\/client\/(?!nats\/)/,
    bkg: /^$/,
    only: () => false,
    within: /^plugins\/sdk\/src\/(protocol|client\/(?!nats\/))/,
    why: 'sdk/client/ws runs in a browser, where each byte is waited for: no Node built-ins, no packages, nothing but sdk/protocol and sdk/client without its part for NATS.',
  },
  {
    files: /^plugins\/sdk\//,
    bkg: sdk,
    why: 'The SDK is the wire contract: whoever takes it must not take the rest of bkg with it.',
  },
  {
    files: /^plugins\//,
    bkg: sdk,
    why: 'Plugins meet on subjects, never in code: each must start, stop and be replaced alone.',
  },
  {
    files: /^services\/cli\//,
    bkg: sdk,
    why: 'The command line works over the public interfaces; it starts the services as programs.',
  },
  {
    files: /^services\//,
    bkg: sdk,
    why: 'Gateway and supervisor meet on subjects: either must go on while the other is dead.',
  },
  {
    files: /^web\/src\//,
    bkg: /^@bkg\/sdk\/(protocol|client\/ws)$/,
    only: (specifier) => !isBuiltin(specifier) && !/^@nats-io\//.test(specifier),
    why: 'The dashboard runs in a browser and talks to the gateway only: of bkg it may import @bkg/sdk/protocol and @bkg/sdk/client/ws.',
  },
  {
    files: /^web\//,
    bkg: sdk,
    why: 'The dashboard meets the services over HTTP and WebSocket, never in code.',
  },
  {
    files: /^infra\/setup\/(?!test\/)/,
    bkg: /^$/,
    only: (specifier) => isBuiltin(specifier),
    why: 'The set-up runs before anything is installed: Node built-ins and its own files only.',
  },
];

const climbing = 'Import another package by its name, so that its exports and the direction rule apply.';

/** The package a path lies in, as a path from the root: `services/gateway`, `web`, `infra`. */
function packageOf(file) {
  return /^(?:(?:plugins|services)\/[^/]+|[^/]+)/.exec(file)?.[0] ?? '';
}

/**
 * Why `file` may not import `specifier`, or undefined when it may.
 * @param {string} file  path from the root of the repository, with slashes
 * @param {string} specifier  what stands between the quotes
 */
export function refusal(file, specifier) {
  const zone = zones.find(({ files }) => files.test(file));
  if (!zone) return undefined;
  if (specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    if (packageOf(target) !== packageOf(file)) return climbing;
    return zone.within && !zone.within.test(target) ? zone.why : undefined;
  }
  if (path.posix.isAbsolute(specifier)) return climbing;
  const allowed = /^@bkg(\/|$)/.test(specifier) ? zone.bkg.test(specifier) : (zone.only?.(specifier) ?? true);
  return allowed ? undefined : zone.why;
}

/** ESLint's rule: static imports, re-exports, `import()`, `require()` and `import('…')` types. */
const direction = {
  meta: { type: 'problem', schema: [], messages: { refused: "'{{specifier}}': {{why}}" } },
  create(context) {
    const file = path.relative(root, context.filename).split(path.sep).join('/');
    const check = (node) => {
      if (node?.type !== 'Literal' || typeof node.value !== 'string') return;
      const why = refusal(file, node.value);
      if (why) context.report({ node, messageId: 'refused', data: { specifier: node.value, why } });
    };
    return {
      ImportDeclaration: (node) => check(node.source),
      ExportNamedDeclaration: (node) => check(node.source),
      ExportAllDeclaration: (node) => check(node.source),
      ImportExpression: (node) => check(node.source),
      TSImportType: (node) => check(node.source ?? node.argument?.literal),
      TSExternalModuleReference: (node) => check(node.expression),
      'CallExpression[callee.name="require"]': (node) => check(node.arguments[0]),
    };
  },
};

export const dependencyDirection = { rules: { direction } };
