/** What to send as `Authorization`. */
import { BoundedMap } from '../bounded-map.ts';
import { basicHeader, type TokenRequest, type Tokens } from './tokens.ts';
import type { Challenge } from './challenge.ts';

export type AuthorizationRequest = Omit<TokenRequest, 'challenge'>;

export class Authorizer {
  readonly #tokens: Tokens;
  /** By origin: what it asked for the last time. */
  readonly #challenges = new BoundedMap<string, Challenge>(256);

  constructor(tokens: Tokens) {
    this.#tokens = tokens;
  }

  /** Undefined: nothing, as nothing was asked for, or there is nothing to give. @throws RegistryFailure */
  async header(request: AuthorizationRequest): Promise<string | undefined> {
    const { credentials } = request.candidate;
    if (credentials?.registryToken !== undefined && credentials.registryToken !== '') {
      return `Bearer ${credentials.registryToken.replaceAll(/[^\x21-\x7e]/g, '')}`;
    }
    const challenge = this.#challenges.get(request.registry.origin);
    if (challenge === undefined) return undefined;
    if (challenge.scheme === 'bearer') return `Bearer ${await this.#tokens.get({ ...request, challenge })}`;
    return credentials?.username === undefined ? undefined : basicHeader(request.candidate);
  }

  /** The registry refused what it got, and asks for this. */
  learn(request: AuthorizationRequest, challenge: Challenge): void {
    this.#challenges.set(request.registry.origin, challenge);
    if (challenge.scheme === 'bearer') this.#tokens.drop({ ...request, challenge });
  }
}
