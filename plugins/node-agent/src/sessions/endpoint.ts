/** The node endpoint of this agent. */
import type { NodeEndpoint } from '@timonel/sdk/contracts/node';
import type { Agent } from '../agent/agent.ts';
import type { AgentServices } from '../agent/services.ts';
import { logsOf } from '../logs/endpoint.ts';
import type { Sessions } from './sessions.ts';
import { nodeUsage } from './usage.ts';

export function nodeEndpointOf(services: AgentServices, agent: Agent, sessions: Sessions): NodeEndpoint {
  return {
    nodeName: () => services.nodeName,
    logs: (pod, options) => logsOf(services, agent, pod, options),
    exec: async (pod, options) => sessions.exec(pod, options),
    attach: async (pod, options) => sessions.attach(pod, options),
    portForward: (pod, port) => sessions.portForward(pod, port),
    usage: () => nodeUsage(services, agent),
  };
}
