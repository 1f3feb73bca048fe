/** The id of a request: the client's own (`Audit-ID`) or a new one; answered in the same header, as Kubernetes does. */
import type { Random } from '@timonel/sdk';

const sane = /^[\w.:-]{1,64}$/;

export function auditIdOf(sent: string | string[] | undefined, random: Pick<Random, 'uuid'>): string {
  return typeof sent === 'string' && sane.test(sent) ? sent : random.uuid();
}
