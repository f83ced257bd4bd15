/** The validated settings as a Lambda layer: one file that every function reads, and no limit of 4 KB. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stage } from 'aws-cdk-lib';
import { Architecture, Code, LayerVersion, Runtime } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';

const fileName = 'mail-canary.json';

/** Where a function finds the file. */
export const settingsPath = `/opt/${fileName}`;

/** The folder is named by its content and lies in the cloud assembly: equal settings make equal assets, nothing is left elsewhere. */
export function addSettingsLayer(scope: Construct, id: string, settings: unknown): LayerVersion {
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const folder = join(Stage.of(scope)?.assetOutdir ?? tmpdir(), `mail-canary-settings-${digest}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, fileName), text);
  return new LayerVersion(scope, id, {
    description: 'The settings of Mail Canary',
    code: Code.fromAsset(folder),
    compatibleRuntimes: [Runtime.NODEJS_24_X],
    compatibleArchitectures: [Architecture.ARM_64],
  });
}
