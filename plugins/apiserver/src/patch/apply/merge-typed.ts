/** Merges what an applier wants into the object as it is, by the schema. The result shares what it can with both. */
import { own, setOwn, type JsonObject } from '../../json/plain-json.ts';
import type { SchemaNode } from '../../kinds/schema-node.ts';
import { itemElements, memberNode, shapeOf } from '../../managed-fields/shape.ts';

/** `config` must have passed {@link listProblems}. */
export function mergeTyped(live: unknown, config: unknown, node: SchemaNode): unknown {
  if (config === undefined) return live;
  if (live === undefined) return config;
  // Of what falls apart into fields, null says as little as an empty one.
  if (config === null && shapeOf(node, live) !== 'leaf') return live;
  const shape = shapeOf(node, config);
  if (shape === 'leaf' || shape !== shapeOf(node, live)) return config;
  if (shape === 'map') return mergeMembers(live as JsonObject, config as JsonObject, node);
  return mergeLists(live as unknown[], config as unknown[], node);
}

function mergeMembers(live: JsonObject, config: JsonObject, node: SchemaNode): JsonObject {
  const result: JsonObject = {};
  for (const name of Object.keys(live)) {
    setOwn(result, name, mergeTyped(live[name], own(config, name), memberNode(node, name)));
  }
  for (const name of Object.keys(config)) {
    if (!Object.hasOwn(live, name)) setOwn(result, name, config[name]);
  }
  return result;
}

interface Items {
  readonly elements: readonly string[];
  /** Items that come more than once are not in it. */
  readonly byElement: ReadonlyMap<string, unknown>;
}

function itemsOf(list: readonly unknown[], elements: readonly string[]): Items {
  const byElement = new Map<string, unknown>();
  const twice = new Set<string>();
  elements.forEach((element, index) => {
    if (byElement.has(element)) twice.add(element);
    else byElement.set(element, list[index]);
  });
  for (const element of twice) byElement.delete(element);
  return { elements, byElement };
}

/**
 * Items in the order of the config; those that only the live list has stay where they are between the others. Items that both
 * lists have set the pace.
 */
function mergeLists(live: readonly unknown[], config: readonly unknown[], node: SchemaNode): unknown[] {
  const liveElements = itemElements(live, node);
  const configElements = itemElements(config, node);
  if (liveElements === undefined || configElements === undefined) return [...config];
  const left = itemsOf(live, liveElements);
  const right = itemsOf(config, configElements);
  const inLive = new Set(liveElements);
  const wanted = new Set(configElements);
  const shared = configElements.filter((element) => inLive.has(element));
  const result: unknown[] = [];
  const taken = new Set<string>();
  const takeConfig = (element: string): void => {
    taken.add(element);
    result.push(mergeTyped(left.byElement.get(element), right.byElement.get(element), node.element()));
    if (shared[0] === element) shared.shift();
  };
  let atLive = 0;
  let atConfig = 0;
  while (atLive < live.length || atConfig < config.length) {
    const liveElement = liveElements[atLive];
    const configElement = configElements[atConfig];
    if (liveElement !== undefined && liveElement === configElement) {
      takeConfig(liveElement);
      atLive += 1;
      atConfig += 1;
    } else if (liveElement !== undefined && !wanted.has(liveElement)) {
      result.push(live[atLive]);
      atLive += 1;
    } else if (
      liveElement !== undefined &&
      (taken.has(liveElement) || (configElement !== undefined && shared[0] !== liveElement))
    ) {
      // Taken already, or its turn comes later, with the config's item.
      atLive += 1;
    } else if (configElement !== undefined) {
      takeConfig(configElement);
      atConfig += 1;
    } else {
      atLive += 1;
    }
  }
  return result;
}
