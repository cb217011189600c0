import { headerNames, subjects, windowMost } from '@bkg/sdk/protocol';
import { keyLine } from './curl.ts';
import { fileArgument, hereDocument, shellQuote } from './quote.ts';
import { fitsArgument, partOf, patienceSecs, type SnippetRequest } from './snippet-request.ts';

/** A text, or why there is none. */
export type SnippetText = { text: string } | { whyNot: string };

/** Of the broker that `bkg up` starts; a page does not know another one. */
const brokerPort = 43121;

/** For the `nats` command. It gives no credit: of a stream come as many chunks as the largest window has. */
export function natsSnippet(request: SnippetRequest): SnippetText {
  const { plugin, capability, input, answer } = request;
  if (answer === 'bytes' && request.isStreamed)
    return {
      whyNot:
        'The nats command cannot tell the pieces of a body from the output that follows them. Use one of the others.',
    };
  const host = new URL(request.baseUrl).hostname;
  const broker = host === 'localhost' ? '127.0.0.1' : host;
  const before = [
    keyLine,
    `export NATS_URL="\${NATS_URL:-nats://${broker}:${brokerPort}}" NATS_PASSWORD="$BKG_API_KEY"`,
    'export NATS_USER="$(echo "$BKG_API_KEY" | cut -d_ -f2)"',
  ];
  const [whole, part] = [fileArgument(request.answerFile), fileArgument(partOf(request))];
  const isStdin = 'file' in input || !fitsArgument(input.json);
  const options = [
    `--timeout ${patienceSecs(request)}s`,
    // Of a failure it shows the header in its log only, and with --raw there is none.
    ...(answer === 'bytes' ? [] : ['--raw']),
    // Of bytes the command would read what looks like a template.
    ...('file' in input
      ? ['--no-templates', `-H ${shellQuote(`${headerNames.contentType}:${input.type}`)}`]
      : []),
    ...(answer === 'chunks'
      ? [`-H ${headerNames.stream}:${windowMost}`, `--replies ${windowMost + 1}`, '--reply-timeout 3s']
      : []),
    // What it prints has line breaks after it; what it hands to another command is as it came.
    ...(answer === 'bytes' ? [`--translate ${shellQuote(`tee ${part}`)}`] : []),
    ...(isStdin ? ['--force-stdin'] : []),
  ];
  const command = 'nats --inbox-prefix "_INBOX.$NATS_USER" request';
  const invocation = `${command} ${shellQuote(subjects.invokeCapability(plugin, capability))} \\\n  ${options.join(' ')}`;
  if (answer === 'bytes')
    return {
      text: `${before.join('\n')}
# Of a failure its log says so, and the answer is no file.
if ${invocation}${body(` 2>&1 > /dev/null | grep -E '${headerNames.error}:|No responders|error:'`)}
then
  rm -f ${part}
  false
else
  mv ${part} ${whole}
fi
`,
    };
  const lines = [
    ...(answer === 'chunks'
      ? [`# It gives no credit: the first ${windowMost} chunks come, and those of a pause of 3 s.`]
      : []),
    `${invocation}${body()}`,
  ];
  return { text: `${[...before, ...lines].join('\n')}\n` };

  /** @param rest of the command, behind the body */
  function body(rest = ''): string {
    if ('file' in input) return ` < ${fileArgument(input.file)}${rest}`;
    const json = withoutTemplates(input.json);
    if (isStdin) return ` ${hereDocument(json, rest)}`;
    // A negative number would be taken for an option.
    return ` \\\n  ${shellQuote(json.startsWith('-') ? ` ${json}` : json)}${rest}`;
  }
}

/**
 * The command reads "{{" in a body as the beginning of a template. In JSON two of them stand together within texts only,
 * where the first may be written as an escape: the same text for who reads it.
 */
function withoutTemplates(json: string): string {
  return json.replaceAll('{{', String.raw`\u007b\u007b`);
}
