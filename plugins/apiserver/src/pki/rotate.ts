/** Renews the serving certificate while the server runs. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ServingCertificate } from './certificates.ts';

export interface Rotation {
  readonly env: Env;
  readonly log: Logger;
  readonly periodMs: number;
  /** What is served at the moment. */
  readonly certificate: ServingCertificate;
  readonly keepCertificate: () => Promise<ServingCertificate>;
  readonly listener: { use(certificate: ServingCertificate): void };
}

/** Looks at the certificate every period; a new one is for new connections. A failure is tried again at the next look. */
export function rotate({ env, log, periodMs, certificate, keepCertificate, listener }: Rotation): void {
  let served = certificate;
  let looking = false;
  const look = async (): Promise<void> => {
    const kept = await keepCertificate();
    if (kept.certificatePem === served.certificatePem) return;
    listener.use(kept);
    served = kept;
    log.info({}, 'the serving certificate has been renewed');
  };
  env.timers.every(periodMs, () => {
    if (looking) return;
    looking = true;
    void look()
      .catch((error: unknown) =>
        log.warn({ error: errorMessage(error) }, 'the serving certificate could not be renewed'),
      )
      .finally(() => (looking = false));
  });
}
