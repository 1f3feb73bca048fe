import { ApiError } from '../../kube/index.ts';

/** A parameter of a route's path, decoded; '' when the path has none of the name. @throws ApiError BadRequest: it is badly encoded */
export function pathParameter(params: Readonly<Record<string, string | undefined>>, name: string): string {
  const text = params[name] ?? '';
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ApiError('BadRequest', `the path has a part that is not encoded as URLs are: ${text}`);
  }
}
