/** As strconv.ParseBool; a bare `?follow` is true, and what is absent is `absent`. */
export function flag(query: URLSearchParams, name: string, absent = false): boolean {
  const value = query.get(name);
  return value === null ? absent : !['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value);
}
