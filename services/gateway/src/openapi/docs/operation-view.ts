import { bytesContentType, jsonContentType, problemContentType, sampleOf } from '@bkg/sdk/protocol';
import type { JsonSchema } from '@bkg/sdk/protocol';
import { eventStreamType } from '../../invoke/event-stream.ts';
import { fixedComponents } from '../fixed-document.ts';
import type { MediaType, Method, Operation, Parameter, Response } from '../openapi.ts';
import { html, inline, prose } from './html.ts';
import type { Content, Html } from './html.ts';
import { memberList, schemaView } from './schema-view.ts';
import type { Components } from './schema-view.ts';

export interface OperationPlace {
  path: string;
  method: Method;
  operation: Operation;
}

/** One operation: where it is, what it takes, what it gives, how it fails, and a line to try it with. */
export function operationView(place: OperationPlace, components: Components, origin: string): Html {
  const { path, method, operation } = place;
  const { operationId, summary, description = '', parameters = [], requestBody, responses } = operation;
  const answers = Object.entries(responses).filter(([status]) => Number(status) < 400);
  const frames = Object.entries((operation['x-frames'] ?? {}) as Record<string, { $ref: string }>);
  const own = parameters.filter((one): one is Parameter => 'name' in one);
  return html`<article class="operation" id="${idOf(operationId)}">
    <h3>${summary}${marksOf(operation).map((mark) => html`<span class="mark">${mark}</span>`)}</h3>
    <p class="address ${method}"><b>${method.toUpperCase()}</b> <code>${path}</code></p>
    ${prose(description)}
    ${own.length > 0 ? [html`<h4>Parameters</h4>`, parameterList(own, components)] : undefined}
    ${
      requestBody
        ? [
            html`<h4>Body${requestBody.required ? '' : ', may be left out'}</h4>`,
            prose(requestBody.description ?? ''),
            contentView(requestBody.content, components),
          ]
        : undefined
    }
    ${chunkView(operation, components)}
    ${answers.map(([status, answer]) => answerView(status, answer as Response, components))}
    ${frames.map(([by, ref]) => [html`<h4>Frames of the ${by}</h4>`, schemaView({ ...ref }, components)])}
    ${
      '101' in responses
        ? undefined
        : html`<h4>Try it</h4>
            <pre tabindex="0">${curlLine(place, components, origin)}</pre>`
    }
    <details>
      <summary>Failures</summary>
      ${failureList(responses)}
    </details>
  </article>`;
}

function marksOf(operation: Operation): string[] {
  const marks = { idempotent: 'x-idempotent', stream: 'x-stream', upload: 'x-upload' } as const;
  return Object.entries(marks)
    .filter(([, name]) => Boolean(operation[name]))
    .map(([mark]) => mark);
}

/** What the parts of its answer are, when they are JSON. */
function chunkView(operation: Operation, components: Components): Content {
  const stream = operation['x-stream'] as { chunk?: JsonSchema } | undefined;
  if (stream?.chunk === undefined) return undefined;
  return [html`<h4>Each chunk</h4>`, schemaView(stream.chunk, components)];
}

/** An anchor for an operation; ids of capabilities hold dots, which an address may. */
export function idOf(operationId: string): string {
  return `operation-${operationId}`;
}

function parameterList(parameters: readonly Parameter[], components: Components): Content {
  const required = parameters.filter((one) => one.required).map(({ name }) => name);
  const properties = parameters.map(({ name, description, schema }) => [
    name,
    { ...(schema as object), description },
  ]);
  return memberList(
    { type: 'object', required, properties: Object.fromEntries(properties) as unknown },
    components,
  );
}

function contentView(content: Record<string, MediaType>, components: Components): Content {
  return Object.entries(content).map(([contentType, { schema, examples = {} }]) => {
    if (contentType !== jsonContentType) return html`<p class="kind"><code>${contentType}</code></p>`;
    const given = Object.values(examples).map(({ value }) => JSON.stringify(value, undefined, 2));
    return html`${schemaView(schema, components)}${
      given.length > 0
        ? html`<details>
            <summary>${given.length === 1 ? 'Example' : 'Examples'}</summary>
            ${given.map((text) => html`<pre tabindex="0">${text}</pre>`)}
          </details>`
        : undefined
    }`;
  });
}

function answerView(
  status: string,
  { description, content = {} }: Response,
  components: Components,
): Content {
  return [html`<h4>Answer ${status}</h4>`, prose(description), contentView(content, components)];
}

function failureList(responses: Operation['responses']): Html {
  const rows = Object.entries(responses).flatMap(([status, given]) => {
    const response =
      '$ref' in given ? fixedComponents.responses[given.$ref.slice('#/components/responses/'.length)] : given;
    if (!response?.content?.[problemContentType]) return [];
    return response.description.split('\n\n').map(
      (line) =>
        html`<tr>
          <td>${status}</td>
          <td>${inline(line)}</td>
        </tr>`,
    );
  });
  return html`<div class="wide" tabindex="0" role="region" aria-label="Failures">
    <table class="codes">
      <thead>
        <tr>
          <th scope="col">Status</th>
          <th scope="col">Code</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** For a shell: whatever stands in it is one text and no command. */
function curlLine(
  { path, method, operation }: OperationPlace,
  components: Components,
  origin: string,
): string {
  const address = origin + path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `<${name}>`);
  const words = ['curl', /^[\w:/.-]+$/.test(address) ? address : quoted(address)];
  const [[contentType = '', media] = []] = Object.entries(operation.requestBody?.content ?? {});
  const hasBody = media !== undefined && operation.requestBody?.required === true;
  // A body makes it a POST by itself.
  if (method !== (hasBody ? 'post' : 'get')) words.splice(1, 0, '-X', method.toUpperCase());
  if (isSecured(operation)) words.push('\\\n  -H "Authorization: Bearer $BKG_API_KEY"');
  if (operation['x-stream']) words.push(streamOptions(operation));
  if (!hasBody) return words.join(' ');
  if (contentType !== jsonContentType) {
    const type = contentType.replace('*/*', bytesContentType).replace('*', '<type>');
    return `${words.join(' ')} \\\n  -H ${quoted(`Content-Type: ${type}`)} \\\n  --data-binary @<file>`;
  }
  const [example] = Object.values(media.examples ?? {});
  // Nothing that is not asked for: whoever tries a line as it is should change as little as possible.
  const options = { root: { components: { schemas: components } }, isMinimal: true };
  const body = example ? example.value : sampleOf(media.schema, options);
  return `${words.join(' ')} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}`;
}

/** What shows an answer as it comes; bytes go to a file. */
function streamOptions(operation: Operation): string {
  const { chunk } = operation['x-stream'] as { chunk?: JsonSchema };
  return chunk === undefined ? '\\\n  -o <file>' : `-N \\\n  -H 'Accept: ${eventStreamType}'`;
}

/** Whether it needs a key. */
function isSecured({ security }: Operation): boolean {
  return (
    security === undefined || (security.length > 0 && security.every((one) => Object.keys(one).length > 0))
  );
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
