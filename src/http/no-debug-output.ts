// With DEBUG=*, as people set it for another program, socket.io-client prints addresses that are secrets.
delete process.env['DEBUG']
