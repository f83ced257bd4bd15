/**
 * Commands for people to copy, with values in them that strangers chose: a queue id comes from a remote server. A value
 * stands as one quoted word, or the whole command is left out.
 */

type Value = string | undefined;

/** Printable ASCII, not too long. Whatever else a server says in place of an id is nothing to search a log for. */
const isPrintable = (value: string): boolean => /^[\x20-\x7e]{1,300}$/.test(value);

/** One word for a POSIX shell: within single quotes nothing but the single quote has a meaning. */
const posix = (value: string): string =>
  /^[A-Za-z0-9_.:/][A-Za-z0-9_.:/-]*$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;

/** One argument for PowerShell: within single quotes a doubled one stands for itself (about_Quoting_Rules). */
const powerShell = (value: string): string => `'${value.replaceAll("'", "''")}'`;

const filled =
  (quote: (value: string) => string) =>
  ({ raw: parts }: TemplateStringsArray, ...values: readonly Value[]): string | undefined => {
    let command = parts[0] ?? '';
    for (const [index, value] of values.entries()) {
      if (value === undefined || !isPrintable(value)) return undefined;
      command += `${quote(value)}${parts[index + 1] ?? ''}`;
    }
    return command;
  };

/** A line for `sh`, backslashes as they stand; undefined when a value is not known or not fit to be shown. */
export const sh = filled(posix);
/** The same for Windows PowerShell 5.1 and PowerShell 7. */
export const ps = filled(powerShell);
/** The same for people: a place in a web console, values as they are. */
export const place = filled((value) => value);

/** Adds where a command is to be run, as a comment that both shells know; a name that is no plain name is left out. */
export const on = (where: Value, command: Value): Value =>
  command === undefined || where === undefined || !/^[A-Za-z0-9][A-Za-z0-9 ._:-]{0,254}$/.test(where)
    ? command
    : `${command}  # on ${where}`;

export const given = (commands: readonly Value[]): readonly string[] =>
  commands.filter((command) => command !== undefined);
