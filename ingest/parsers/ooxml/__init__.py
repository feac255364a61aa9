"""What files of Word, PowerPoint and Excel since 2007 have in common (ECMA-376); the families are beside this one.

Read `package` first: parts and relations. `drawing` knows colours and fills, `graphics` charts and diagrams,
`formulas` equations, `embedded` the files that lie in OLE objects.
"""
