/** Nodes, with their depth. */
import { maxTreeDepth } from '../limits.ts';
import type { Ast } from './ast.ts';
import { CelSyntaxError } from './problem.ts';

type WithoutDepth<T> = T extends Ast ? Omit<T, 'depth'> : never;

/** A node above `children`. @throws CelSyntaxError where the tree gets too deep */
export function build(node: WithoutDepth<Ast>, ...children: readonly (Ast | undefined)[]): Ast {
  let depth = 0;
  for (const child of children) if (child !== undefined && child.depth > depth) depth = child.depth;
  if (depth >= maxTreeDepth)
    throw new CelSyntaxError(
      `expression is too deep: more than ${maxTreeDepth} operations lie within each other`,
      node.at,
    );
  return { ...node, depth: depth + 1 };
}
