import type { App } from './world.js'

export const B2BMOUNT_CLIENT_ID = 'b2b30000-7e57-4000-8000-00000000a1d5'

export const SHAREPOINT_CLIENT_ID = '00000003-0000-0ff1-ce00-000000000000'

/** Where invitations are accepted. */
export const INVITATION_PORTAL: App = {
  clientId: '4660504c-45b3-4674-a709-71951a6b0763',
  name: 'Microsoft Invitation Acceptance Portal',
  redirectUris: [],
  firstParty: true,
}

/** Applications that are registered: ours, and public clients that have their ids built in. */
export const APPS: readonly App[] = [
  { clientId: B2BMOUNT_CLIENT_ID, name: 'b2bmount', redirectUris: ['http://localhost'] },
  {
    clientId: SHAREPOINT_CLIENT_ID,
    name: 'Office 365 SharePoint Online',
    redirectUris: [],
    firstParty: true,
  },
  {
    clientId: 'b15665d9-eda6-4092-8539-0eec376afd59',
    name: 'rclone',
    redirectUris: ['http://localhost:53682/'],
  },
  {
    clientId: 'd50ca740-c83f-4d1b-b616-12c519384f0c',
    name: 'OneDrive Client for Linux',
    redirectUris: ['https://login.microsoftonline.com/common/oauth2/nativeclient'],
  },
]
