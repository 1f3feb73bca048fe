/** The routes under /join/v1. */
import type { Route, RouteRequest, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import { joinPaths, type AuthorityAnswer, type ServersAnswer } from '@timonel/sdk/join';
import { Attempts } from './attempts.ts';
import type { JoinParts } from './parts.ts';
import { joinAgent } from './requests/join-agent.ts';
import { joinServer } from './requests/join-server.ts';
import { noteReport } from './requests/node-report.ts';
import { renew } from './requests/renew.ts';

function answer(object: unknown): SubresourceResponse {
  return { kind: 'object', status: 200, object };
}

export function joinRoutes(parts: JoinParts): readonly Route[] {
  const attempts = new Attempts(parts.env.clock, parts.config.attemptsPerMinute);
  /** For callers that the API server has not let in: each try counts. */
  const open = (path: string, handle: (request: RouteRequest) => Promise<unknown>): Route => ({
    method: 'POST',
    path,
    anonymous: true,
    async handle(request) {
      attempts.count(request.remoteAddress);
      return answer(await handle(request));
    },
  });
  return [
    {
      method: 'GET',
      path: joinPaths.authority,
      anonymous: true,
      handle() {
        const { now, succession } = parts.authority;
        return Promise.resolve(answer({ ca: now.certificatePem, succession } satisfies AuthorityAnswer));
      },
    },
    open(joinPaths.agents, (request) => joinAgent(parts, request)),
    open(joinPaths.servers, ({ body }) => joinServer(parts, body)),
    {
      method: 'POST',
      path: joinPaths.renew,
      async handle(request) {
        attempts.count(request.remoteAddress);
        return answer(await renew(parts, request));
      },
    },
    {
      method: 'GET',
      path: joinPaths.servers,
      async handle({ query, certificate }) {
        await noteReport(parts, query, certificate);
        return answer({ servers: parts.servers(), ca: parts.authority.now.certificatePem } satisfies ServersAnswer);
      },
    },
  ];
}
