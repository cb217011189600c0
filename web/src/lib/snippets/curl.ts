import { fileArgument, hereDocument, shellQuote } from './quote.ts';
import { fitsArgument, invokeUrl, partOf, patienceSecs, type SnippetRequest } from './snippet-request.ts';

/** The key stands in the environment or in the file that `bkg up` has written, and never in the text. */
export const keyLine = ': "${BKG_API_KEY:=$(cat .bkg/admin.key)}"';

/** For bash and sh. A failure is told on standard output, by a status that is not 0. */
export function curlSnippet(request: SnippetRequest): string {
  const { input, answer } = request;
  const isShort = 'json' in input && fitsArgument(input.json);
  const type = 'json' in input ? 'application/json' : input.type;
  const [whole, part] = [fileArgument(request.answerFile), fileArgument(partOf(request))];
  const lines = [
    `curl -sS --fail-with-body --max-time ${patienceSecs(request)} ${shellQuote(invokeUrl(request))}`,
    '-H "Authorization: Bearer $BKG_API_KEY"',
    `-H ${shellQuote(`Content-Type: ${type}`)}`,
    // Each chunk is shown when it comes.
    ...(answer === 'chunks' ? ["-N -H 'Accept: text/event-stream'"] : []),
    ...(answer === 'bytes' ? [`-o ${part}`] : []),
    body(),
  ];
  const command = lines.join(' \\\n  ');
  if (answer !== 'bytes') return `${keyLine}\n${command}\n`;
  return `${keyLine}
if ${command}
then
  mv ${part} ${whole}
else
  # 22: it was answered with a failure, which says why.
  test $? = 22 && cat ${part}
  rm -f ${part}
  false
fi
`;

  function body(): string {
    // Sent while it is read; --data-binary would read the whole file first. Without -g, [ and { in its name mean more.
    if ('file' in input) return `-g -X POST -T ${fileArgument(input.file)}`;
    return isShort ? `--data-raw ${shellQuote(input.json)}` : `--data-binary @- ${hereDocument(input.json)}`;
  }
}
