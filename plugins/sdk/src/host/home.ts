import path from 'node:path';

export interface HomePaths {
  home: string;
  nats: string;
  models: string;
  hub: string;
  logs: string;
  run: string;
  /** One folder per plugin. */
  data: string;
  credentialsFile: string;
  /** The API key of who started the mesh. */
  adminKeyFile: string;
}

/** Where the data of a mesh on one machine lies. */
export function homePaths(home: string): HomePaths {
  const run = path.join(home, 'run');
  return {
    home,
    nats: path.join(home, 'nats'),
    models: path.join(home, 'models'),
    hub: path.join(home, 'hub'),
    logs: path.join(home, 'logs'),
    run,
    data: path.join(home, 'data'),
    credentialsFile: path.join(run, 'credentials.json'),
    adminKeyFile: path.join(home, 'admin.key'),
  };
}
