import t from 'tap'
import { trustedPage } from '../../../src/model/item-page.js'

const HOST = 'contoso.sharepoint.com'

t.test("a page at the library's host is trusted, encoded", t => {
  t.equal(
    trustedPage('https://contoso.sharepoint.com/sites/x/Übersicht 1.xlsx', HOST),
    'https://contoso.sharepoint.com/sites/x/%C3%9Cbersicht%201.xlsx',
  )
  t.equal(
    trustedPage(
      'https://Contoso.SharePoint.com/sites/x/_layouts/15/Doc.aspx?sourcedoc=%7B1%7D&action=view',
      HOST,
    ),
    'https://contoso.sharepoint.com/sites/x/_layouts/15/Doc.aspx?sourcedoc=%7B1%7D&action=view',
  )
  t.end()
})

t.test('whatever leads elsewhere, or nowhere, is not', t => {
  for (const hostile of [
    'http://contoso.sharepoint.com/sites/x',
    'https://contoso.sharepoint.com.evil.example/sites/x',
    'https://contoso.sharepoint.com@evil.example/',
    'https://ann:secret@contoso.sharepoint.com/',
    'https://contoso.sharepoint.com:8443/',
    'https://evil.example/?https://contoso.sharepoint.com/',
    'file:///etc/passwd',
    'javascript:alert(1)//contoso.sharepoint.com',
    'ms-word:ofe|u|https://contoso.sharepoint.com/a.docx',
    '--help',
    '',
    `https://contoso.sharepoint.com/${'x'.repeat(10_000)}`,
  ]) {
    t.equal(trustedPage(hostile, HOST), undefined, hostile.slice(0, 80))
  }
  t.end()
})
