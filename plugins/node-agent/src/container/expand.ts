/** `$(NAME)` references, as k8s.io/kubernetes third_party/forked/golang/expansion defines them: `$$` is a `$`, unknown names stay. */
export function expand(text: string, valueOf: (name: string) => string | undefined): string {
  return text.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole: string, follows: string, name: string | undefined) => {
    if (follows === '$') return '$';
    return valueOf(name ?? '') ?? whole;
  });
}
