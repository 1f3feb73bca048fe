/** Renews the serving certificate while the server runs, and follows the authority when it is replaced. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ServingCertificate } from './certificates.ts';

/** How soon a new authority is followed. */
const followMs = 10_000;

export interface Rotation {
  readonly env: Env;
  readonly log: Logger;
  /** How often the certificate is looked at when the authority stays the same. */
  readonly periodMs: number;
  /** What is served at the moment. */
  readonly certificate: ServingCertificate;
  /** PEM of the authorities that are believed now. */
  readonly authorities: () => Promise<string>;
  readonly keepCertificate: () => Promise<ServingCertificate>;
  /** New connections are to get this one. */
  readonly use: (certificate: ServingCertificate) => void;
}

/** Looks at the certificate every period. A failure is tried again at the next look. */
export function rotate({ env, log, periodMs, certificate, authorities, keepCertificate, use }: Rotation): void {
  let served = certificate;
  let looking = false;
  let lookedMs = env.clock.monotonic();
  const look = async (): Promise<void> => {
    const nowMs = env.clock.monotonic();
    if (nowMs - lookedMs < periodMs && (await authorities()) === served.authorityPem) return;
    const kept = await keepCertificate();
    lookedMs = nowMs;
    const isSame = kept.certificatePem === served.certificatePem;
    if (isSame && kept.authorityPem === served.authorityPem) return;
    use(kept);
    served = kept;
    log.info(
      {},
      isSame ? 'the authorities that are believed have changed' : 'the serving certificate has been renewed',
    );
  };
  env.timers.every(Math.min(periodMs, followMs), () => {
    if (looking) return;
    looking = true;
    void look()
      .catch((error: unknown) =>
        log.warn({ error: errorMessage(error) }, 'the serving certificate could not be renewed'),
      )
      .finally(() => (looking = false));
  });
}
