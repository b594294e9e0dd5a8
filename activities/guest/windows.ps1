# probe: outbound, proxy, certificates, system, disks, snapshots
#
# Asks inside a Windows machine whether Site Recovery's agent would get out and trust what answers. It only looks.
# It prints JSON, an object a line, as linux.sh does. Everything that it meets is data: nothing of it is ever run as code.
# Windows PowerShell 4 and later.
param(
    [string] $endpoints = '',
    [string] $timeout_seconds = '10'
)

$ErrorActionPreference = 'Stop'
if ($timeout_seconds -notmatch '^[1-9][0-9]?$') { $timeout_seconds = '10' }
$wait = [int] $timeout_seconds * 1000
$roots = @(
    'DigiCert Global Root CA',
    'DigiCert Global Root G2',
    'Microsoft RSA Root Certificate Authority 2017'
)

function Tell([System.Collections.IDictionary] $answer) { ConvertTo-Json -Compress -InputObject ([pscustomobject] $answer) }

# --- the proxy: Site Recovery reads its own file first, then the settings of the system's account ---

function Find-Proxy {
    $file = Join-Path $env:ProgramData 'Microsoft Azure Site Recovery\Config\ProxyInfo.conf'
    if (Test-Path -LiteralPath $file) {
        $address = ''; $port = ''
        foreach ($line in Get-Content -LiteralPath $file) {
            if ($line -match '^\s*Address\s*=\s*(\S+)') { $address = $Matches[1] }
            if ($line -match '^\s*Port\s*=\s*(\d+)') { $port = $Matches[1] }
        }
        if ($address -and $address -notmatch '://') { $address = "http://$address" }
        if ($address) {
            $uri = [uri] $address
            if ($port -and $uri.IsDefaultPort) { $uri = [uri] ('{0}://{1}:{2}' -f $uri.Scheme, $uri.Host, $port) }
            return @{ Uri = $uri; Login = [bool] ([uri] $address).UserInfo }
        }
    }
    $asked = [uri] 'https://login.microsoftonline.com/'
    $found = [System.Net.WebRequest]::GetSystemWebProxy().GetProxy($asked)
    if ($found -and $found.Host -ne $asked.Host) { return @{ Uri = $found; Login = [bool] $found.UserInfo } }
    return $null
}

# --- the way out: DNS, TCP and TLS to each endpoint ---

function Get-Reach([string] $target, [int] $port, $proxy) {
    $client = New-Object System.Net.Sockets.TcpClient
    try {
        $to = $target; $at = $port
        if ($proxy) { $to = $proxy.Uri.Host; $at = $proxy.Uri.Port }
        try { $addresses = @([System.Net.Dns]::GetHostAddresses($to)) } catch { $addresses = @() }
        if ($addresses.Count -eq 0) { if ($proxy) { return 'proxy' } else { return 'dns' } }
        $connecting = $client.ConnectAsync($to, $at)
        try { if (-not $connecting.Wait($wait)) { return 'timeout' } } catch { return 'blocked' }
        $stream = $client.GetStream()
        $stream.ReadTimeout = $wait; $stream.WriteTimeout = $wait
        if ($proxy) {
            $text = "CONNECT ${target}:${port} HTTP/1.1`r`nHost: ${target}:${port}`r`n`r`n"
            $bytes = [System.Text.Encoding]::ASCII.GetBytes($text)
            try {
                $stream.Write($bytes, 0, $bytes.Length)
                $said = ''
                while (-not $said.EndsWith("`r`n`r`n") -and $said.Length -lt 8192) {
                    $byte = $stream.ReadByte()
                    if ($byte -lt 0) { break }
                    $said += [char] $byte
                }
            } catch { return 'timeout' }
            if ($said -match '^HTTP/\S+ 407') { return 'proxy' }
            if ($said -notmatch '^HTTP/\S+ 2') { return 'blocked' }
        }
        $secured = New-Object System.Net.Security.SslStream($stream, $false)
        try {
            # No callback: the system's own judgement of the certificate, which is also the agent's.
            $protocols = [System.Security.Authentication.SslProtocols] 3072
            $secured.AuthenticateAsClient($target, $null, $protocols, $false)
            return 'ok'
        } catch { return 'tls' } finally { $secured.Dispose() }
    } finally { $client.Close() }
}

# --- the trusted roots ---

function Get-Roots {
    $missing = @(); $expired = @()
    $stores = @('Cert:\LocalMachine\Root', 'Cert:\LocalMachine\AuthRoot')
    $there = @(foreach ($store in $stores) { Get-ChildItem -Path $store -ErrorAction SilentlyContinue })
    foreach ($name in $roots) {
        $same = @($there | Where-Object { $_.GetNameInfo('SimpleName', $false) -eq $name })
        if ($same.Count -eq 0) { $missing += $name }
        elseif (@($same | Where-Object { $_.NotAfter -gt (Get-Date) }).Count -eq 0) { $expired += $name }
    }
    return [ordered] @{ missing = @($missing); expired = @($expired); store = 'LocalMachine' }
}

# --- data disks that nothing is on, and the services that take snapshots ---

function Get-RawLuns {
    $luns = @()
    foreach ($disk in @(Get-Disk | Where-Object { $_.PartitionStyle -eq 'RAW' })) {
        if ($disk.Location -match 'LUN (\d{1,2})\b') { $luns += [int] $Matches[1] }
    }
    return [ordered] @{ raw_luns = @($luns) }
}

function Get-DisabledServices {
    $services = @(Get-WmiObject -Class Win32_Service -Filter "Name='VSS' OR Name='COMSysApp'")
    $names = @($services | Where-Object { $_.StartMode -eq 'Disabled' } | ForEach-Object { $_.Name })
    return [ordered] @{ disabled_services = @($names) }
}

$proxy = Find-Proxy
$refused = $false
foreach ($endpoint in $endpoints.Split(',')) {
    if ($endpoint -notmatch '^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?$') { continue }
    $parts = $endpoint.Split(':')
    $port = 443
    if ($parts.Count -gt 1) { $port = [int] $parts[1] }
    $clock = [System.Diagnostics.Stopwatch]::StartNew()
    try { $result = Get-Reach $parts[0] $port $proxy } catch { $result = 'unknown' }
    if ($result -eq 'proxy') { $refused = $true }
    $via = 'direct'
    if ($proxy) { $via = 'proxy' }
    Tell ([ordered] @{
        endpoint = '{0}:{1}' -f $parts[0], $port; result = $result
        milliseconds = $clock.ElapsedMilliseconds; via = $via
    })
}
$kind = 'none'
if ($proxy) { $kind = 'open' }
if ($proxy -and ($proxy.Login -or $refused)) { $kind = 'authenticated' }
Tell ([ordered] @{ proxy = $kind })
try { Tell (Get-Roots) } catch { Tell ([ordered] @{ missing = @(); unread = 'the certificate stores cannot be read' }) }
$system = Get-WmiObject -Class Win32_OperatingSystem
Tell ([ordered] @{ os = [string] $system.Caption; version = [string] $system.Version; kernel = '' })
try { Tell (Get-RawLuns) } catch { Tell ([ordered] @{ raw_luns = $null }) }
try { Tell (Get-DisabledServices) } catch { Tell ([ordered] @{ disabled_services = $null }) }
