/** From the machine itself, by SSM Run Command: through its own MTA, to the relay that it uses, or over SES with its own role. */
import type { Wave } from '../../core/ports.ts';
import { definePath, type Need, type PathMistake } from '../kind.ts';
import { explains } from './explain.ts';
import { documentName } from './instance.ts';
import { openSsm } from './send.ts';
import { type SsmPath, shape } from './settings.ts';

const mistakes = (settings: SsmPath): readonly PathMistake[] => [
  ...(settings.via === 'smtp' && settings.relay === undefined
    ? [
        {
          key: 'relay',
          message: 'is missing: "via: smtp" needs the relay that the host uses, such as "{ host: mail-gw }"',
        },
      ]
    : []),
  ...(settings.via !== 'smtp' && settings.relay !== undefined
    ? [{ key: 'relay', message: `must be left out with "via: ${settings.via}": only "via: smtp" reads it` }]
    : []),
  ...(settings.size === undefined
    ? []
    : [{ key: 'size', message: 'must be left out: an attachment does not fit into a command' }]),
];

export const ssm = definePath<'ssm', SsmPath, Wave>({
  kind: 'ssm',
  settings: shape,
  leavesFromHost: () => true,
  sharedServer: () => undefined,
  secrets: () => [],
  // https://docs.aws.amazon.com/systems-manager/latest/userguide/run-command-setting-up.html#tag-based-access
  needs: ({ tags }: SsmPath): readonly Need[] => [
    {
      actions: ['ssm:SendCommand'],
      resources: [`arn:{partition}:ssm:{region}:{account}:document/${documentName('{monitor}')}`],
    },
    {
      actions: ['ssm:SendCommand'],
      resources: [
        'arn:{partition}:ec2:{region}:{account}:instance/*',
        'arn:{partition}:ssm:{region}:{account}:managed-instance/*',
      ],
      conditions: {
        StringEquals: Object.fromEntries(Object.entries(tags).map(([key, value]) => [`ssm:resourceTag/${key}`, value])),
      },
    },
  ],
  open: openSsm,
  // It knows no resources (Service Authorization Reference, AWS Systems Manager).
  outcomeNeeds: () => [{ actions: ['ssm:ListCommandInvocations'], resources: ['*'] }],
  parts: () => ['ssm-document'],
  explains,
  mistakes,
});
