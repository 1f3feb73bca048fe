import { z } from 'zod';

type Algorithm = 'RS256' | 'RS384' | 'RS512' | 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512' | 'EdDSA';

export interface Provider {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly caFile?: string | undefined;
  readonly usernameClaim: string;
  readonly usernamePrefix?: string | undefined;
  readonly groupsClaim?: string | undefined;
  readonly groupsPrefix: string;
  readonly requiredClaims: Readonly<Record<string, string>>;
  readonly algorithms: readonly Algorithm[];
}

const providerSchema: z.ZodType<Provider> = z.strictObject({
  /** As `iss` of the tokens has it; its discovery document and keys are read from there. */
  issuer: z.url({ protocol: /^https$/, error: 'must be an https URL' }),
  /** Tokens are taken that are for one of these. */
  audiences: z.array(z.string().min(1)).min(1),
  /** PEM of the authorities that vouch for the issuer. Default: those of the machine. */
  caFile: z.string().min(1).optional(),
  usernameClaim: z.string().min(1).default('sub'),
  /** Before each user's name. Default: `<issuer>#`, and nothing for the claim `email`. */
  usernamePrefix: z.string().optional(),
  groupsClaim: z.string().min(1).optional(),
  groupsPrefix: z.string().default(''),
  /** Claims that a token must have, with their values. */
  requiredClaims: z.record(z.string(), z.string()).default({}),
  algorithms: z
    .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
    .min(1)
    .default(['RS256', 'ES256']),
});

export const configSchema: z.ZodType<{ readonly providers: readonly Provider[] }> = z.strictObject({
  providers: z.array(providerSchema).default([]),
});
