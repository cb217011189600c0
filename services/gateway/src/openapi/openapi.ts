/** The few parts of OpenAPI 3.1 that the document has, as far as its makers and its page need to know them. */
import type { JsonSchema } from '@bkg/sdk/protocol';

export interface Reference {
  $ref: string;
}

export interface MediaType {
  schema: JsonSchema;
  examples?: Record<string, { value: unknown }>;
}

export interface Response {
  description: string;
  headers?: Record<string, Reference>;
  content?: Record<string, MediaType>;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description: string;
  schema: JsonSchema;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  parameters?: (Parameter | Reference)[];
  requestBody?: { required: boolean; description?: string; content: Record<string, MediaType> };
  /** Any of these does. Absent: any of the document's. */
  security?: Record<string, string[]>[];
  responses: Record<string, Response | Reference>;
  [extension: `x-${string}`]: unknown;
}

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
export type PathItem = Partial<Record<Method, Operation>>;

export interface Tag {
  name: string;
  description: string;
}
