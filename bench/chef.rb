# What Chef does to decrypt one value, by Ruby's own OpenSSL and JSON: values a second for each version. A secret in the
# file named, and one line a version on standard input: the version and the stored value, as JSON.
require "json"
require "openssl"
require "timeout"

secret = File.read(ARGV.fetch(0)).strip

def open_value(stored, secret)
  case stored["version"]
  when 1, 2
    if stored["version"] == 2
      hmac = [OpenSSL::HMAC.digest("sha256", secret, stored["encrypted_data"])].pack("m")
      raise "hmac" unless hmac == stored["hmac"]
    end
    cipher = OpenSSL::Cipher.new("aes-256-cbc").decrypt
    cipher.key = OpenSSL::Digest::SHA256.digest(secret)
    cipher.iv = stored["iv"].unpack1("m")
  else
    cipher = OpenSSL::Cipher.new("aes-256-gcm").decrypt
    cipher.key = OpenSSL::Digest::SHA256.digest(secret)
    cipher.iv = stored["iv"].unpack1("m")
    cipher.auth_tag = stored["auth_tag"].unpack1("m")
    cipher.auth_data = ""
  end
  JSON.parse(cipher.update(stored["encrypted_data"].unpack1("m")) + cipher.final)["json_wrapper"]
end

$stdin.each_line do |line|
  stored = JSON.parse(line)
  best = 3.times.map do
    count = 0
    start = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
    while (now = Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)) - start < 0.4
      100.times { open_value(stored, secret) }
      count += 100
    end
    count / (now - start)
  end.max
  puts best.round
end
