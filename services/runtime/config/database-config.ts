import { type Shape, map, string } from '#schema/index.ts';

/** `postgres://USER@HOST:PORT/DATABASE`, never with the password: a configuration is shown, logged and copied. */
export const databaseUrl: Shape<string> = map(string({ minLength: 1 }), (written, here) => {
  const fix = 'write it as `postgres://USER@HOST:PORT/DATABASE`';
  if (!/^postgres(ql)?:\/\//.test(written)) {
    here.fault('is no address of a PostgreSQL', fix);
    return undefined;
  }
  if (/^postgres(ql)?:\/\/[^/@]*:[^/@]*@/.test(written) || /[?&]password=/.test(written)) {
    here.fault(
      'holds a password, and a configuration is no place for one',
      `${fix}, with the password in the file of \`databasePasswordFile\`, in \`PGPASSWORD\` or in \`~/.pgpass\``,
    );
    return undefined;
  }
  return written;
});
