/** Shapes of what joiners send; a refusal names the field. */
import { isIP } from 'node:net';
import { familyRangeTexts, parseFamilyRanges, parseIpRange } from '@timonel/sdk/contracts/network';
import type { AgentJoinRequest, RenewRequest, ServerJoinRequest } from '@timonel/sdk/join';
import { ApiError, dnsSubdomainProblems } from '@timonel/sdk/kube';
import { readSigningRequest, type SigningRequest } from '@timonel/sdk/pki';
import { errorMessage } from '@timonel/sdk';
import { z } from 'zod';

const nodeName = z
  .string()
  .max(253)
  .superRefine((name, context) => {
    for (const message of dnsSubdomainProblems(name)) context.addIssue({ code: 'custom', message });
  });
const token = z.string().max(256);
const csr = z.string().max(16_384);
const addresses = z
  .array(z.string().refine((address) => isIP(address) !== 0, 'must be an IP address'))
  .max(16)
  .default([]);
function holdsPods(cidr: string): boolean {
  const range = parseIpRange(cidr);
  return range !== undefined && range.prefixLength <= (range.family === 4 ? 29 : 125);
}
const podCidr = z
  .string()
  .refine((text) => {
    const ranges = parseFamilyRanges(text);
    return ranges !== undefined && familyRangeTexts(ranges).every(holdsPods);
  }, 'must be a network, of IPv4 /29 or larger, of IPv6 /125 or larger, or one of each with a comma between')
  .optional();
const hostPort = /^(?:\[([0-9a-fA-F:]+)\]|([a-zA-Z0-9.-]{1,253})):(\d{1,5})$/;

export const agentBody: z.ZodType<AgentJoinRequest> = z.object({ token, nodeName, csr, addresses, podCidr });
export const renewBody: z.ZodType<RenewRequest> = z.object({ csr, addresses });
export const serverBody: z.ZodType<ServerJoinRequest> = z.object({
  token,
  name: z
    .string()
    .regex(
      /^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/,
      'must be a DNS name of at most 63 characters: choose another --name',
    ),
  memberId: z.string().regex(/^[a-zA-Z0-9._-]{1,128}$/, 'must be letters, digits, ".", "_" and "-"'),
  peerUrl: z.string().regex(hostPort, 'must be HOST:PORT'),
  csr,
});

/** @throws ApiError BadRequest */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const causes = result.error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message }));
  const texts = causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`));
  throw new ApiError('BadRequest', `the request to join is not valid: ${texts.join(', ')}`, { causes });
}

/** @throws ApiError BadRequest */
export async function parseRequest(pem: string): Promise<SigningRequest> {
  try {
    return await readSigningRequest(pem);
  } catch (error) {
    throw new ApiError('BadRequest', errorMessage(error));
  }
}

/** The host of `HOST:PORT`, without brackets. */
export function hostOf(place: string): string {
  const [, v6, other] = hostPort.exec(place) ?? [];
  return v6 ?? other ?? '';
}
