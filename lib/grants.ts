/** Turns what kinds need, said as data, into IAM statements: exactly these actions on exactly these resources. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { type IPrincipal, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';
import type { Need } from '../lambdas/paths/kind.ts';

/** Adds each need as one statement; `{partition}`, `{region}`, `{account}` become the stack's, `{monitor}` its name. */
export function grantNeeds(
  grantee: IPrincipal,
  needs: readonly Need[],
  where?: { scope: IConstruct; monitor: string },
) {
  const filled = (resource: string) => {
    if (where === undefined) return resource;
    const { partition, region, account } = Stack.of(where.scope);
    return resource
      .replaceAll('{partition}', partition)
      .replaceAll('{region}', region)
      .replaceAll('{account}', account)
      .replaceAll('{monitor}', where.monitor);
  };
  for (const { actions, resources, conditions = {} } of needs) {
    grantee.addToPrincipalPolicy(
      new PolicyStatement({ actions: [...actions], resources: resources.map(filled), conditions }),
    );
  }
}

/**
 * The need that a secret reference stands for, in the stack's own account and Region.
 * Throws for `env:` and `file:`, which mean nothing in a function.
 */
export function secretNeed(scope: IConstruct, reference: string): Need {
  const colon = reference.indexOf(':');
  const [kind, name] = [reference.slice(0, colon), reference.slice(colon + 1)];
  if (kind === 'secretsmanager') {
    return { actions: ['secretsmanager:GetSecretValue'], resources: [secretArn(scope, name)] };
  }
  if (kind === 'ssm') {
    const arn = Stack.of(scope).formatArn({
      service: 'ssm',
      resource: 'parameter',
      resourceName: name.replace(/^\//, ''),
    });
    return { actions: ['ssm:GetParameter'], resources: [arn] };
  }
  // A text of no known kind may be the secret itself.
  const got = ['env', 'file'].includes(kind) ? reference : 'something else (not shown)';
  throw new Error(`a secret in AWS must be secretsmanager:NAME or ssm:NAME, got ${got}`);
}

/** Secrets Manager adds a hyphen and six characters to the name; `-*` would also match names that go on. */
function secretArn(scope: IConstruct, name: string): string {
  if (name.startsWith('arn:')) return name;
  return Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${name}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** What writes a secret back where `secretNeed` reads it. */
const writing: Readonly<Record<string, string>> = {
  'secretsmanager:GetSecretValue': 'secretsmanager:PutSecretValue',
  'ssm:GetParameter': 'ssm:PutParameter',
};

/** Adds the grants of all secret references, each once. `writes` are those that are also written back. */
export function grantSecrets(
  grantee: IPrincipal,
  scope: IConstruct,
  references: readonly string[],
  writes: readonly string[] = [],
): void {
  const need = (reference: string) => secretNeed(scope, reference);
  grantNeeds(grantee, [
    ...[...new Set(references)].map(need),
    ...[...new Set(writes)].map(need).map(({ actions, resources }) => ({
      actions: actions.flatMap((action) => writing[action] ?? []),
      resources,
    })),
  ]);
}
