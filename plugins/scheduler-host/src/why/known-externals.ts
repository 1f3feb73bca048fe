/** Schedulers outside that plugins tell of. A plugin that fails to tell is left out: the rest of an answer does not suffer from it. */
import { errorMessage, type Logger } from '@timonel/sdk';
import type { ExternalScheduler, ExternalSchedulers } from '@timonel/sdk/contracts/scheduler';

interface Provider {
  readonly plugin: string;
  readonly service: ExternalSchedulers;
}

export function knownExternals(providers: () => readonly Provider[], log: Logger): () => readonly ExternalScheduler[] {
  const ask = ({ plugin, service }: Provider): readonly ExternalScheduler[] => {
    try {
      return service.list();
    } catch (error) {
      log.warn({ plugin }, `does not tell its schedulers: ${errorMessage(error)}`);
      return [];
    }
  };
  return () => providers().flatMap(ask);
}
