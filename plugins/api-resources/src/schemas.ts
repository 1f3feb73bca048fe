import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { schemasJson } from './generated/schemas.ts';

let parsed: Readonly<Record<string, OpenApiSchema>> | undefined;

/** The schemas of all built-in kinds by key. Parsed when first asked for. */
export function builtInSchemas(): Readonly<Record<string, OpenApiSchema>> {
  parsed ??= JSON.parse(schemasJson) as Readonly<Record<string, OpenApiSchema>>;
  return parsed;
}
